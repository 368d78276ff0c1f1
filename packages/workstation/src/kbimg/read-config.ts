// Checked TOML document → our types. Only this file knows the documented key names together with
// ours.
import { isTable, type Table } from './check-schema.ts'
import {
  type ChrootScriptConfig,
  type CopyConfig,
  DEFAULT_DISK,
  type DiskConfig,
  type ImageConfig,
  type RepoConfig,
  secret,
  type UserConfig,
} from './config.ts'

/** Reads a document that checkSchema accepted and that has `from_repo`. */
export function readConfig(document: Table): ImageConfig {
  const grub = table(document['grub'])
  return {
    repo: readRepo(table(document['from_repo'])),
    users: tables(document['users']).map(readUser),
    copies: tables(document['copy_files']).map(readCopy),
    grubPassword: grub['passwd'] === undefined ? undefined : secret(text(grub['passwd'])),
    services: texts(table(document['systemd_service'])['name']),
    chrootScript: readChrootScript(document['chroot_script']),
    disk: readDisk(document['disk_partition']),
    persistFolders: texts(table(document['persist_mkdir'])['name']),
  }
}

function readRepo(from: Table): RepoConfig {
  return {
    version: text(from['version']),
    repoPath: text(from['repo_path']),
    agentPath: text(from['agent_path']),
    rootPasswordHash: secret(text(from['root_passwd'])),
    packages: texts(from['rpmlist']),
    legacyBios: from['legacy_bios'] === true,
    upgradeImage: optionalText(from['upgrade_img']),
  }
}

function readUser(from: Table): UserConfig {
  return {
    name: text(from['name']),
    password: secret(text(from['passwd'])),
    // The documents' table spells it primary_groups, their examples primary_group.
    primaryGroup: optionalText(from['primary_group'] ?? from['primary_groups']),
    groups: texts(from['groups']),
  }
}

function readCopy(from: Table): CopyConfig {
  return {
    source: text(from['src']),
    destination: text(from['dst']),
    createDirectory: optionalText(from['create_dir']),
  }
}

function readChrootScript(value: unknown): ChrootScriptConfig | undefined {
  if (value === undefined) return undefined
  const from = table(value)
  return { path: text(from['path']), removeAfterwards: from['rm'] === true }
}

function readDisk(value: unknown): DiskConfig {
  if (value === undefined) return DEFAULT_DISK
  const from = table(value)
  return {
    rootMib: Number(from['root']),
    imageGib: from['img_size'] === undefined ? DEFAULT_DISK.imageGib : Number(from['img_size']),
  }
}

function table(value: unknown): Table {
  return isTable(value) ? value : {}
}

function tables(value: unknown): Table[] {
  return Array.isArray(value) ? value.filter(isTable) : []
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
