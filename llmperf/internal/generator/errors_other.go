//go:build !windows

package generator

import "syscall"

var localErrors = []localError{
	{syscall.EMFILE, Files}, {syscall.ENFILE, Files},
	{syscall.EADDRNOTAVAIL, LocalPorts},
	{syscall.ENOBUFS, Buffers}, {syscall.ENOMEM, Buffers},
}

var forbidden = []syscall.Errno{syscall.EACCES, syscall.EPERM}
