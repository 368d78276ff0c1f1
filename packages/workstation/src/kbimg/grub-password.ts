// The boot menu's password as GRUB reads it in user.cfg: PBKDF2 with SHA-512, salt and hash in hex.

const ITERATIONS = 10_000
const HASH_BITS = 512

/** The value of GRUB2_PASSWORD. */
export async function hashGrubPassword(
  password: string,
  salt: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const secret = new TextEncoder().encode(password)
  const key = await crypto.subtle.importKey('raw', secret, 'PBKDF2', false, ['deriveBits'])
  const parameters = { name: 'PBKDF2', hash: 'SHA-512', salt, iterations: ITERATIONS }
  const hash = new Uint8Array(await crypto.subtle.deriveBits(parameters, key, HASH_BITS))
  return `grub.pbkdf2.sha512.${ITERATIONS}.${salt.toHex().toUpperCase()}.${hash.toHex().toUpperCase()}`
}
