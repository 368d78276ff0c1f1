// Errors about a configuration: always the key, the value (never a password), and what to do.
import { OsError } from '@kubenest/base/errors'

const VALUE_LENGTH_MAX = 100

/** Names a wrong value of a key, and the remedy. */
export function configError(
  code: string,
  key: string,
  value: unknown,
  reasonAndRemedy: string,
): OsError {
  const shown = value === undefined ? '' : ` = ${JSON.stringify(value).slice(0, VALUE_LENGTH_MAX)}`
  return new OsError('invalid', {
    code: `config-${code}`,
    message: `Cannot use ${key}${shown}: ${reasonAndRemedy}`,
    fields: { key },
  })
}
