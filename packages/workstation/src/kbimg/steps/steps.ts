// The effect of each planned step.
import type { Build } from '../build.ts'
import type { StepId } from '../plan-image.ts'
import { addUsers, setGrubPassword, setRootPassword } from './accounts.ts'
import { checkMachine } from './check-machine.ts'
import { installFiles } from './install-files.ts'
import { installKernel } from './install-kernel.ts'
import { composeDisk, convertDisk, makeBootPartition, makePersist } from './make-disk.ts'
import { makeRoot } from './make-root.ts'
import { packContainerImage } from './pack-container-image.ts'
import { makeRootImage, packTar } from './pack-root.ts'
import { prepareVar } from './prepare-var.ts'
import { removeSpecifics } from './remove-specifics.ts'
import { copyFiles, enableServices, runChrootScript } from './user-content.ts'
import { writeManifests } from './write-manifests.ts'

export const STEPS: Readonly<Record<StepId, (build: Build) => Promise<void>>> = {
  'check-machine': checkMachine,
  'make-root': makeRoot,
  'install-files': installFiles,
  'set-root-password': setRootPassword,
  'add-users': addUsers,
  'copy-files': copyFiles,
  'set-grub-password': setGrubPassword,
  'run-chroot-script': runChrootScript,
  'enable-services': enableServices,
  'install-kernel': installKernel,
  'prepare-var': prepareVar,
  'remove-specifics': removeSpecifics,
  'pack-tar': packTar,
  'make-root-image': makeRootImage,
  'make-boot-partition': makeBootPartition,
  'make-persist': makePersist,
  'compose-disk': composeDisk,
  'convert-disk': convertDisk,
  'pack-container-image': packContainerImage,
  'write-manifests': writeManifests,
}
