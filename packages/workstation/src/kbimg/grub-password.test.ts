// The expected value is what grub-mkpasswd-pbkdf2 of GRUB 2.06 made for this password.
import { expect, test } from 'bun:test'
import { hashGrubPassword } from './grub-password.ts'

const SALT =
  '38FC856A093D0634DA1D09A265A6FFFFDE2D3DC12337F33210E77E7189987229DF0D19AF9DE6DD3D55F435DFCDD35A512EF5FCCE1576A7359AFA3B78F7B8D664'
const HASH =
  '559EA6C5901D8429945E39971C63DC6AEE81E5F84B2250CCA34EFDDB7024F8D402E960D7C398A8B0400EE55BED0E82D565709245D22B25CD40DDFA175B331F46'

test('hashGrubPassword() makes what GRUB compares with', async () => {
  expect(await hashGrubPassword('boot pw', Uint8Array.fromHex(SALT))).toBe(
    `grub.pbkdf2.sha512.10000.${SALT}.${HASH}`,
  )
})
