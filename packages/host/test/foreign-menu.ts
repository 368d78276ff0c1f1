// A boot menu of somebody else's: the documented one, reduced to the lines that choose (one-shot,
// default, label search, custom.cfg).

export const FOREIGN_MENU = `
set timeout=0
load_env --file \${prefix}/grubenv
if [ "\${next_entry}" ]; then
  set default="\${next_entry}"
  set next_entry=
  save_env --file \${prefix}/grubenv next_entry
  set boot_once=true
else
  set default="\${saved_entry}"
fi
menuentry 'A' --unrestricted --id 'KubeOS-A' {
  set root=hd0,gpt2
  linux /boot/vmlinuz root=/dev/vda2 ro
  initrd /boot/initramfs.img
}
menuentry 'B' --unrestricted --id 'KubeOS-B' {
  set root=hd0,gpt3
  linux /boot/vmlinuz root=/dev/vda3 ro
  initrd /boot/initramfs.img
}
if [ -f \${prefix}/custom.cfg ]; then
  source \${prefix}/custom.cfg
fi
`
