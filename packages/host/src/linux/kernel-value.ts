// Writing a value below /proc/sys: one write to an existing file, no truncation, no link followed
// at the end.
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { OsError } from '@kubenest/base/errors'

/** Writes a kernel parameter; throws code `kernel-value-refused` with the kernel's reason. */
export function writeKernelValue(path: string, text: string): void {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW)
    try {
      writeSync(fd, text)
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const isValue = errno === 'EINVAL' || errno === 'ERANGE'
    const shown = JSON.stringify(text.trim().slice(0, 200))
    const remedy = isValue ? '; look up which values it takes' : ''
    throw new OsError(isValue ? 'invalid' : 'host', {
      code: 'kernel-value-refused',
      message: `Cannot set ${path} to ${shown}: the kernel answers ${errno}${remedy}`,
      fields: { path, errno },
      cause,
    })
  }
}
