/** Everything that stops the engine for good. A restart, under a mended cause, replays from there. */
import type { ApplyFailure } from "../domain/apply/Errors.ts"
import type { LogCorrupted, LogWriteFailure, RecordCorrupted } from "../domain/log/Errors.ts"
import type { StateWriteFailure } from "../domain/state/Errors.ts"

export type EngineFailure =
  | ApplyFailure
  | LogCorrupted
  | LogWriteFailure
  | RecordCorrupted
  | StateWriteFailure
