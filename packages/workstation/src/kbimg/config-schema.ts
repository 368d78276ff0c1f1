// The documented sections and keys (contract 6.5) as a table: one source for type checks, required
// keys, emptiness and the suggestion for a misspelt key. Sections that are not built yet are listed
// too, because one file may serve several image types.

/** How a value is checked. `text` is a string that is not only white space. */
export type KeyType = 'text' | 'texts' | 'non-empty-texts' | 'boolean' | 'unsigned'

export interface KeySchema {
  readonly type: KeyType
  readonly required: boolean
  /** Its value must not appear in a message. */
  readonly secret?: true
}

export interface SectionSchema {
  /** `[[section]]` instead of `[section]`. */
  readonly repeated: boolean
  readonly keys: Readonly<Record<string, KeySchema>>
}

const TEXT: KeySchema = { type: 'text', required: true }
const OPTIONAL_TEXT: KeySchema = { type: 'text', required: false }
const FLAG: KeySchema = { type: 'boolean', required: true }
const OPTIONAL_FLAG: KeySchema = { type: 'boolean', required: false }
const SECRET: KeySchema = { type: 'text', required: true, secret: true }

function section(keys: Record<string, KeySchema>): SectionSchema {
  return { repeated: false, keys }
}

/** Every documented section. */
export const CONFIG_SCHEMA: Readonly<Record<string, SectionSchema>> = {
  from_repo: section({
    version: TEXT,
    repo_path: TEXT,
    agent_path: TEXT,
    root_passwd: SECRET,
    rpmlist: { type: 'texts', required: true },
    legacy_bios: FLAG,
    upgrade_img: OPTIONAL_TEXT,
  }),
  from_dockerimg: section({ upgrade_img: TEXT, legacy_bios: FLAG }),
  admin_container: section({ img_name: TEXT, hostshell: TEXT }),
  pxe_config: section({
    rootfs_name: TEXT,
    disk: TEXT,
    server_ip: TEXT,
    route_ip: TEXT,
    dhcp: OPTIONAL_FLAG,
    local_ip: OPTIONAL_TEXT,
    netmask: OPTIONAL_TEXT,
    net_name: OPTIONAL_TEXT,
  }),
  users: {
    repeated: true,
    keys: {
      name: TEXT,
      passwd: SECRET,
      primary_group: OPTIONAL_TEXT,
      primary_groups: OPTIONAL_TEXT,
      groups: { type: 'non-empty-texts', required: false },
    },
  },
  copy_files: { repeated: true, keys: { src: TEXT, dst: TEXT, create_dir: OPTIONAL_TEXT } },
  grub: section({ passwd: SECRET }),
  systemd_service: section({ name: { type: 'non-empty-texts', required: false } }),
  chroot_script: section({ path: TEXT, rm: OPTIONAL_FLAG }),
  disk_partition: section({
    root: { type: 'unsigned', required: true },
    img_size: { type: 'unsigned', required: false },
  }),
  persist_mkdir: section({ name: { type: 'non-empty-texts', required: false } }),
  dm_verity: section({ efi_key: SECRET, grub_key: SECRET, keys_dir: OPTIONAL_TEXT }),
}
