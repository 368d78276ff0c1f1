// Files that are embedded in the program as text.
declare module '*.mod' {
  const text: string
  export default text
}
declare module '*.sum' {
  const text: string
  export default text
}
declare module '*.go' {
  const text: string
  export default text
}
declare module '*.yaml' {
  const text: string
  export default text
}
declare module '*.service' {
  const text: string
  export default text
}
declare module '*.timer' {
  const text: string
  export default text
}
declare module '*.socket' {
  const text: string
  export default text
}
