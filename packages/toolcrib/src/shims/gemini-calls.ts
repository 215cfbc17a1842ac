import type { Answer, FunctionPart } from './gemini-content.ts';
import { isName, type SdkEventLog, type SdkIdentity, type ToolCall } from './sdk-event-log.ts';

/** Which calls were made and are not answered yet. Each is told once, however often its object is met. */
export interface CallBook {
  /** The model made a call, and the program has it now. One without a name is a piece of one that was told. */
  readonly started: (call: FunctionPart) => void;
  /**
   * The program answered a call. An answer says by its id to which; one without belongs to the oldest open call of its
   * name, but only when it is new: old ones are sent to the model again and again.
   */
  readonly answered: (answer: Answer) => void;
}

export function createCallBook(events: SdkEventLog, sdk: SdkIdentity): CallBook {
  const met = new WeakSet<object>();
  const open = new Map<string, ToolCall>();
  const openCall = ({ id, name, isLast }: Answer): ToolCall | undefined => {
    if (isName(id)) return open.get(id);
    return isLast ? open.values().find(({ tool }) => tool === name) : undefined;
  };
  return {
    started({ object, id, name }) {
      if (met.has(object) || !isName(name)) return;
      met.add(object);
      const call = { id: events.idOf(object, id), tool: name };
      if (open.has(call.id)) return;
      open.set(call.id, call);
      events.toolCallStarted(sdk, call);
    },
    answered(answer) {
      const call = openCall(answer);
      if (call === undefined) return;
      open.delete(call.id);
      events.toolCallCompleted(sdk, call);
    },
  };
}
