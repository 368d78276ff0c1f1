// A guest's folder and its process: a disk over a shared base image, own firmware variables,
// credentials only root can read.
import { type Daemon, startDaemon } from '@kubenest/base/daemon'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, removePath, stat, writeFile } from '@kubenest/base/files'
import {
  FIRMWARE_VARIABLES,
  type GuestConfig,
  type GuestCredential,
  renderQemuArgv,
} from './guest-config.ts'

/** What a caller chooses; the rest follows from the folder. */
export interface GuestRequest extends Omit<
  GuestConfig,
  'disk' | 'firmwareVariables' | 'qmpSocket' | 'serialLog' | 'credentials'
> {
  /** Folder of this guest; its socket path must stay below 108 bytes. */
  readonly folder: string
  /** qcow2 that the guest's disk starts from; shared, never written. */
  readonly baseImage: string
  /** Credentials by name. */
  readonly credentials: Readonly<Record<string, string>>
}

/** Makes what is missing in the guest's folder; the disk of an earlier start is kept. */
export async function prepareGuest(exec: Exec, request: GuestRequest): Promise<GuestConfig> {
  const { folder, baseImage, credentials, ...rest } = request
  await ensureDirectory(folder, 0o700)
  const disk = `${folder}/disk.qcow2`
  if ((await stat(disk)) === undefined)
    await runOrThrow(exec, `make the disk of ${request.name}`, {
      argv: ['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', baseImage, disk],
    })
  const firmwareVariables = `${folder}/firmware.fd`
  if ((await stat(firmwareVariables)) === undefined)
    await runOrThrow(exec, `make the firmware of ${request.name}`, {
      argv: ['cp', '--', FIRMWARE_VARIABLES, firmwareVariables],
    })
  const credentialFiles: GuestCredential[] = []
  for (const [name, content] of Object.entries(credentials)) {
    const file = `${folder}/${name}.credential`
    // Created empty with its mode first, so that the content is never readable by others.
    await writeFile(file, '', 0o600)
    await writeFile(file, content, 0o600)
    credentialFiles.push({ name, file })
  }
  const qmpSocket = `${folder}/qmp.sock`
  return {
    ...rest,
    disk,
    firmwareVariables,
    credentials: credentialFiles,
    qmpSocket,
    serialLog: `${folder}/serial.log`,
  }
}

/** Starts QEMU; its own messages go to `qemu.log` in the guest's folder. */
export async function startGuest(config: GuestConfig, diesWithUs = true): Promise<Daemon> {
  await removePath(config.qmpSocket)
  const logFile = config.serialLog.replace(/serial\.log$/, 'qemu.log')
  return startDaemon({ argv: renderQemuArgv(config), logFile, diesWithUs })
}
