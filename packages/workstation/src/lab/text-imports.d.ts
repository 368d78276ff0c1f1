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
declare module '*.toml' {
  const text: string
  export default text
}
declare module '*.sh' {
  const text: string
  export default text
}
declare module '*.conf' {
  const text: string
  export default text
}
declare module '*.conflist' {
  const text: string
  export default text
}
declare module '*.nft' {
  const text: string
  export default text
}
declare module '*.network' {
  const text: string
  export default text
}
declare module '*.sources' {
  const text: string
  export default text
}
declare module '*/lab/booted' {
  const text: string
  export default text
}
declare module '*/lab/initramfs-modules' {
  const text: string
  export default text
}
