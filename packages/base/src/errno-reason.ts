// Why the system refused a call on a file or device, in words that say what to do about it.

/** The reason of an errno, with its remedy where one is known; else the errno. */
export function errnoReason(errno: string): string {
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space is left on its file system; free some and repeat'
    case 'EIO':
      return "its disk failed (EIO); see the kernel's messages, and replace the disk if it fails again"
    case 'EROFS':
      return "its file system is read-only (EROFS), as the kernel makes it after an error; see the kernel's messages, and reboot to have it repaired"
    default:
      return errno
  }
}
