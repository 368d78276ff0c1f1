// Somebody without rights who tries, again and again, to get between the agent and its files.
// Arguments: what to try, the persist folder. Prints a line for each try that worked.
import * as fs from 'node:fs'
import path from 'node:path'

const [what = '', persist = ''] = process.argv.slice(2)
const work = path.join(persist, 'KubeOS-Update')
const slot = path.join(work, 'slot')

const TRIES: Readonly<Record<string, () => void>> = {
  'move the work folder away': () => fs.renameSync(work, path.join(persist, 'away')),
  'put a link in place of the work folder': () => fs.symlinkSync('/tmp', work),
  'read the image': () => fs.readFileSync(path.join(work, 'os.tar')),
  'write into the image': () => fs.appendFileSync(path.join(work, 'os.tar'), 'x'),
  'replace the image': () => fs.writeFileSync(path.join(work, 'os.tar'), 'x'),
  'look into the work folder': () => fs.readdirSync(work),
  'write into the slot': () => fs.writeFileSync(path.join(slot, 'evil'), 'x'),
  'put a link into the slot': () => fs.symlinkSync('/etc', path.join(slot, 'usr')),
  'open the work folder to all': () => fs.chmodSync(work, 0o777),
}

const attempt = TRIES[what]
if (attempt === undefined) throw new Error(`nothing is called ${what}`)
process.stdout.write('ready\n')
for (;;) {
  try {
    attempt()
    process.stdout.write(`worked: ${what}\n`)
  } catch {
    // As it should be: no such name yet, or no right.
  }
}
