// Where the API server is and how we prove who we are. Plain data: files were read already, except
// a token file, which the server rotates under us.

/** Connection to one API server. */
export interface KubeConfig {
  /** Base address without a slash at the end, for example `https://10.0.0.1:6443`. */
  readonly server: string
  /** PEM of the only authorities that are trusted; the system's when absent. */
  readonly ca?: string
  /** Name to expect in the server's certificate instead of the address. */
  readonly tlsServerName?: string
  /** PEM; always together with `clientKey`. */
  readonly clientCertificate?: string
  readonly clientKey?: string
  readonly token?: string
  /** Read again at least each minute; goes before `token`. */
  readonly tokenFile?: string
  /** Namespace of the context or of the service account. @defaultValue 'default' */
  readonly namespace?: string
}
