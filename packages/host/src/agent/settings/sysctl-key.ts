// Names of kernel parameters: their grammar, and those that would make the kernel run a program of
// the user's choice (threat T10).
import { refusal, shown } from './setting-values.ts'

/** Parameters whose value is, or chooses, a program that the kernel runs as root. */
const DENIED = new Set([
  'kernel.core_pattern',
  'kernel.hotplug',
  'kernel.modprobe',
  'kernel.poweroff_cmd',
])
const DENIED_PREFIXES = ['fs.binfmt_misc.', 'kernel.usermodehelper.']
const COMPONENT = /^[A-Za-z0-9_@][A-Za-z0-9_@:-]*$/
const COMPONENT_OR_ALL = /^(?:[A-Za-z0-9_@][A-Za-z0-9_@:-]*|\*)$/
const COMPONENTS_MAX = 16

/**
 * Checks a key of a running kernel; returns its path below /proc/sys. Every dot becomes a slash
 * (contract 5.2).
 */
export function sysctlPathOf(key: string): string {
  return checkComponents(key, COMPONENT).join('/')
}

/** The key as people write it, from a path below /proc/sys. */
export function sysctlKeyOf(path: string): string {
  return path.slice('/proc/sys/'.length).replaceAll('/', '.')
}

/**
 * Checks a key of a sysctl file. Such files also know a leading `-` (errors are ignored) and `*`
 * for all interfaces; the latter only below `net`, where it can match none of the denied keys.
 */
export function checkFileKey(key: string): void {
  const bare = key.startsWith('-') ? key.slice(1) : key
  checkComponents(bare, /^net[./]/.test(bare) ? COMPONENT_OR_ALL : COMPONENT)
}

function checkComponents(key: string, grammar: RegExp): string[] {
  const components = key.split(/[./]/)
  if (components.length > COMPONENTS_MAX || !components.every((part) => grammar.test(part)))
    throw refusal(
      'sysctl-key-malformed',
      `${shown(key)} is not the name of a kernel parameter; write it like net.ipv4.ip_forward`,
    )
  const name = components.join('.')
  if (DENIED.has(name) || DENIED_PREFIXES.some((prefix) => name.startsWith(prefix)))
    throw refusal(
      'sysctl-key-denied',
      `${shown(key)} may not be set: through it the kernel runs programs; remove it`,
    )
  return components
}
