// Salts of a build: another one for each image and each account, and the same when the same image
// is built again. They follow from public words only. Never from a password: a quick hash of it
// beside the slow one would be what an attacker tries first.

/** 64 bytes for one purpose, for example `user ada`. */
export async function deriveSalt(seed: string, purpose: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = new TextEncoder().encode(`kubenest salt ${seed} ${purpose}`)
  return new Uint8Array(await crypto.subtle.digest('SHA-512', text))
}
