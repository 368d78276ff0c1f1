// The machine's architecture under the name that images and packages use.

/** `x86_64`, `aarch64`, or what the runtime calls another one. */
export function machineArchitecture(): string {
  if (process.arch === 'x64') return 'x86_64'
  return process.arch === 'arm64' ? 'aarch64' : process.arch
}
