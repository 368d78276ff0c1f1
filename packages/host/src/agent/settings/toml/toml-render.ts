// Keys and values as TOML text.

/** A dotted key. */
export function renderTomlKey(path: readonly string[]): string {
  return path.map((part) => (/^[A-Za-z0-9_-]+$/.test(part) ? part : renderText(part))).join('.')
}

/** A value; `undefined` for what TOML cannot hold here: null and objects (contract 5.6). */
export function renderTomlValue(value: unknown): string | undefined {
  if (typeof value === 'string') return renderText(value)
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return renderNumber(value)
  if (!Array.isArray(value)) return undefined
  const items = value.map(renderTomlValue).filter((item) => item !== undefined)
  return `[${items.join(', ')}]`
}

/** JSON knows one kind of number; beyond the exact integers only a float can hold it. */
function renderNumber(value: number): string {
  if (Object.is(value, -0)) return '0'
  const text = String(value)
  return Number.isSafeInteger(value) || text.includes('.') || text.includes('e')
    ? text
    : `${text}.0`
}

/** Escapes of JSON strings are escapes of TOML strings; DEL is a control character only there. */
function renderText(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', String.raw`\u007f`)
}
