/** The public API: flows, ports, core types. */
export type {
  AttestationFile,
  AttestationSubject,
  AttestationVerdict,
  AttestationVerifier,
  BuildSource,
} from './attestations/attestation.ts';
export type { BuiltArtifact } from './build/artifact.ts';
export type { ProjectConfig, ToolPins } from './config/config.ts';
export type { Clock } from './core/clock.ts';
export type { Digest } from './core/digest.ts';
export {
  CheckError,
  ConflictError,
  IntegrityError,
  InterruptedError,
  NotFoundError,
  PolicyError,
  RemoteError,
  SandboxError,
  ToolcribError,
  UsageError,
  type ErrorCode,
  type ErrorDetails,
} from './core/errors.ts';
export type { Receipt, ReceiptFile, ReceiptStore } from './core/receipt.ts';
export type { Notice, Progress, Reporter } from './core/reporter.ts';
export type { Sums } from './core/sums.ts';
export type { Arch, Libc, Target } from './core/target.ts';
export type { Finding } from './doctor/finding.ts';
export type { ResolvedComponent } from './extensions/component.ts';
export type { ExtensionDependency } from './extensions/pack-extensions.ts';
export type { LockedExtension } from './extensions/pack-lock.ts';
export { addExtension, type AddedExtension, type AddExtensionRequest } from './flows/add-extension.ts';
export { buildTool, type BuildOptions } from './flows/build-tool.ts';
export { checkMerge, type CheckOptions, type MergeCheck } from './flows/check-merge.ts';
export { compareArchives, type CapabilityDiff } from './flows/compare-archives.ts';
export { createBundle, type CreateBundleOptions, type CreatedBundle } from './flows/create-bundle.ts';
export { packExtension, type PackOptions, type WrittenPack } from './flows/create-pack.ts';
export { createHost, type Host, type HostOptions } from './flows/host.ts';
export {
  listExtensionSecrets,
  type ExtensionSecrets,
  type ExtensionSecretsOptions,
} from './flows/extension-secrets.ts';
export { ejectExtension, injectExtension, type PlacedComponent } from './flows/inject-extension.ts';
export {
  publishExtension,
  type PackInStore,
  type PackPublication,
  type PublishPackOptions,
} from './flows/publish-pack.ts';
export { ejectTool, type EjectOptions, type Ejection } from './flows/eject-tool.ts';
export { examineHost, type ExamineOptions, type HostExamination } from './flows/examine-host.ts';
export { execTool, type ExecRequest, type ExecResult } from './flows/exec-tool.ts';
export { injectTool, type InjectedTool } from './flows/inject-tool.ts';
export { injectMany, planMany, type ManyOptions, type ManyResult } from './flows/inject-many.ts';
export { fetchRunSums, type FetchedSums } from './flows/fetch-run-sums.ts';
export { initProject } from './flows/init-project.ts';
export { initWorkflows, type InitializedWorkflows } from './flows/init-workflows.ts';
export { readInstallation } from './flows/install-state.ts';
export type { BuildDialogue, BuildQuestion } from './flows/local-builder.ts';
export { openVerifier } from './flows/open-verifier.ts';
export { loadBundle, type LoadBundleOptions, type LoadedBundle } from './flows/load-bundle.ts';
export { lockExtensions, type LockOptions, type PackLock } from './flows/lock-extensions.ts';
export { mirrorReleases, type Mirroring, type MirrorOptions } from './flows/mirror-release.ts';
export { mountTool, type MountedTool, type MountOptions, type MountSource } from './flows/mount-tool.ts';
export { openProject, type Project } from './flows/project.ts';
export { planInjection, type InjectionPlan, type PlannedTarget } from './flows/plan-injection.ts';
export { promoteRelease, type PromoteOptions, type Promotion, type VerifiedPart } from './flows/promote-release.ts';
export {
  publishRelease,
  type Publication,
  type PublishOptions,
  type PublishSource,
  type StoreFailure,
  type StorePublication,
} from './flows/publish-release.ts';
export {
  readArchive,
  readArchiveAccount,
  type ArchiveAccount,
  type ArchiveInspection,
  type ReadArchive,
  type ReadArchiveOptions,
} from './flows/read-archive.ts';
export { readStatus, type Status, type StoreStatus, type TargetStatus } from './flows/read-status.ts';
export type { AttestationStatus, RevocationStatus } from './flows/status-trust.ts';
export { recordRun, type RecordedRun, type RecordRunRequest } from './flows/record-run.ts';
export type { RedactionKeySource } from './flows/redaction-key.ts';
export { revokeRelease, type RevokedReleases, type RevokeOptions } from './flows/revoke-release.ts';
export { reportArchive, type ArchiveReport, type ReportArchiveRequest } from './flows/report-archive.ts';
export { resolveExtension, type ResolveExtensionOptions } from './flows/resolve-extension.ts';
export { resolveArtifact, type ResolveOptions } from './flows/resolve-artifact.ts';
export { createRunSpec, type RunSpecRequest } from './flows/run-spec.ts';
export { serveStore, type RunningServer, type ServeEvent, type ServeOptions } from './flows/serve-store.ts';
export { validateTool, type ToolValidation, type ValidateOptions } from './flows/validate-tool.ts';
export { writeArchive, type WriteArchiveRequest, type WrittenArchive } from './flows/write-archive.ts';
export type { EjectedDirectory } from './inject/eject-tool.ts';
export type { Placement, PlanStep, Protection } from './inject/placement.ts';
export type { PublishedFile, PublishReport } from './publish/publish-release.ts';
export type { Installation, InstallState } from './resolve/install-state.ts';
export type { Resolution, TierReport } from './resolve/resolution.ts';
export type { ArchiveMember } from './run/archive/paths.ts';
export type { ForwardedSignal, SignalSource } from './run/follow-command.ts';
export type { CaptureTier } from './run/observe/observer.ts';
export type { RedactionMode } from './run/redaction/redactor.ts';
export type { RunSpec } from './run/run-spec.ts';
export type { KernelRequest } from './run/start-observed.ts';
export type { Sandbox, SandboxIdentity, SandboxProcess } from './sandboxes/sandbox.ts';
export type { Store } from './stores/store.ts';
export type { ValidationResult } from './validate/result.ts';
