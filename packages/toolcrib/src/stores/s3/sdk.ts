// The official client is heavy: this file is imported when it is needed. It is a static export, because named exports of
// a CommonJS package do not survive the bundling of a dynamic import.
export {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
