/** What a node logs, as a list: event by event, without what every line carries. */
import * as Logger from "effect/Logger"
import * as References from "effect/References"

export interface LogLine {
  readonly level: string
  readonly message: unknown
  readonly fields: Readonly<Record<string, unknown>>
}

export class LogLines {
  readonly all: Array<LogLine> = []

  readonly logger: Logger.Logger<unknown, void> = Logger.make(({ fiber, logLevel, message }) => {
    const fields = fiber.getRef(References.CurrentLogAnnotations)
    this.all.push({ level: logLevel, message: [message].flat().join(" "), fields })
  })

  get events(): ReadonlyArray<unknown> {
    return this.all.map(({ fields }) => fields.event)
  }

  /** The fields of every line of this event. */
  of(event: string): ReadonlyArray<Readonly<Record<string, unknown>>> {
    return this.all.flatMap(({ fields }) => (fields.event === event ? [fields] : []))
  }
}
