// Replaces one boot file; run under strace by replace-boot-file.test.ts.
import { replaceBootFile } from '../../src/linux/replace-boot-file.ts'

const [file = '', content = ''] = process.argv.slice(2)
await replaceBootFile(file, content)
