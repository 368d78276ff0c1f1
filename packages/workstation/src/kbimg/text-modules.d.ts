// Unit files that are imported as text into the executable.
declare module '*.service' {
  const text: string
  export default text
}
declare module '*.socket' {
  const text: string
  export default text
}
declare module '*.timer' {
  const text: string
  export default text
}
declare module '*.conf' {
  const text: string
  export default text
}
