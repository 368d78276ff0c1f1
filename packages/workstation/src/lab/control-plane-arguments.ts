// Command lines of etcd, kube-apiserver and kube-controller-manager for one lab on loopback.
import type { LabPaths } from './lab-paths.ts'

/** Ports of a lab's control plane. */
export interface ControlPlanePorts {
  readonly etcdClient: number
  readonly etcdPeer: number
  readonly apiServer: number
  readonly controllerManager: number
  readonly scheduler: number
}

/**
 * etcd that asks every client, and every peer, for a certificate. No fsync: a lab's data is worth
 * nothing.
 */
export function etcdArguments(paths: LabPaths, ports: ControlPlanePorts): string[] {
  const clientUrl = `https://127.0.0.1:${ports.etcdClient}`
  const peerUrl = `https://127.0.0.1:${ports.etcdPeer}`
  const { pki } = paths
  return [
    '--name=lab',
    `--data-dir=${paths.etcd}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=lab=${peerUrl}`,
    '--client-cert-auth',
    `--trusted-ca-file=${pki}/etcd-ca.crt`,
    `--cert-file=${pki}/etcd.crt`,
    `--key-file=${pki}/etcd.key`,
    '--peer-client-cert-auth',
    `--peer-trusted-ca-file=${pki}/etcd-ca.crt`,
    `--peer-cert-file=${pki}/etcd.crt`,
    `--peer-key-file=${pki}/etcd.key`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

/** An API server with the authorizers and admission of a real cluster. */
export function apiServerArguments(paths: LabPaths, ports: ControlPlanePorts): string[] {
  const { pki } = paths
  return [
    `--etcd-servers=https://127.0.0.1:${ports.etcdClient}`,
    `--etcd-cafile=${pki}/etcd-ca.crt`,
    `--etcd-certfile=${pki}/etcd-client.crt`,
    `--etcd-keyfile=${pki}/etcd-client.key`,
    // Without a default route the server cannot find an address of its own and ends.
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${ports.apiServer}`,
    `--cert-dir=${pki}`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--client-ca-file=${pki}/ca.crt`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki}/service-accounts.key`,
    `--service-account-signing-key-file=${pki}/service-accounts.key`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged',
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    '--v=1',
  ]
}

/** The controllers that matter to nodes, pods and budgets, and the rest of the defaults. */
export function controllerManagerArguments(
  paths: LabPaths,
  ports: ControlPlanePorts,
  kubeconfig: string,
): string[] {
  return [
    ...loopArguments(kubeconfig, ports.controllerManager, `${paths.pki}/controller-manager`),
    `--root-ca-file=${paths.pki}/ca.crt`,
    `--service-account-private-key-file=${paths.pki}/service-accounts.key`,
    '--use-service-account-credentials',
  ]
}

/** A scheduler with the defaults. */
export function schedulerArguments(
  paths: LabPaths,
  ports: ControlPlanePorts,
  kubeconfig: string,
): string[] {
  return loopArguments(kubeconfig, ports.scheduler, `${paths.pki}/scheduler`)
}

/** What every program takes that works beside the API server. */
function loopArguments(kubeconfig: string, port: number, certificates: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${certificates}`,
    '--leader-elect=false',
    '--profiling=false',
    '--v=1',
  ]
}
