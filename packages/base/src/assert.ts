// Broken assumptions crash: the supervisor restarts a program whose state is in doubt.
import { OsError } from './errors.ts'

/**
 * Ends the program's current task when an assumption of ours is false.
 *
 * @throws {OsError} kind `bug`, code `assertion-failed`, when `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition)
    throw new OsError('bug', { code: 'assertion-failed', message: `Cannot go on: ${message}` })
}

/** For the `default` of a switch over a union: makes the compiler refuse a forgotten member. */
export function assertNever(value: never): never {
  throw new OsError('bug', {
    code: 'assertion-failed',
    message: `Cannot go on: unexpected value ${JSON.stringify(value)}`,
  })
}
