/* The parts of the kernel's structures that are read. Where they lie is found out when the program is loaded. */
#ifndef KERNEL_H
#define KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
  unsigned long di, si, dx, r10, r8, r9, bx, cx, bp, ax, orig_ax;
#else
  __u64 regs[31];
  __u64 orig_x0;
  int syscallno;
#endif
};

struct upid {
  int nr;
};

struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct thread_info {
  unsigned long flags;
#if defined(__TARGET_ARCH_x86)
  __u32 status;
#endif
};

typedef struct {
  int counter;
} atomic_t;

struct signal_struct {
  atomic_t live;
  unsigned int flags;
  int group_exit_code;
};

struct qstr {
  const unsigned char *name;
};

struct hlist_bl_node {
  struct hlist_bl_node **pprev;
};

struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
};

struct vfsmount {
  struct dentry *mnt_root;
};

struct mnt_namespace;

struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
  struct mnt_namespace *mnt_ns;
};

struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};

struct file {
  struct path f_path;
};

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
};

struct files_struct {
  struct fdtable *fdt;
};

struct fs_struct {
  struct path root, pwd;
};

struct nsproxy {
  struct mnt_namespace *mnt_ns;
};

struct task_struct {
  struct thread_info thread_info;
  int exit_code;
  int pid;
  int tgid;
  struct pid *thread_pid;
  struct task_struct *group_leader;
  struct files_struct *files;
  struct fs_struct *fs;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
};

struct linux_binprm {
  const char *filename;
};

#pragma clang attribute pop

#endif
