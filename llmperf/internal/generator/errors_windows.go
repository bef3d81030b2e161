package generator

import "syscall"

// Errors of Windows and of its sockets that package syscall does not name.
const (
	errorTooManyOpenFiles = syscall.Errno(4)
	errorNotEnoughMemory  = syscall.Errno(8)
	errorOutOfMemory      = syscall.Errno(14)
	wsaEACCES             = syscall.Errno(10013)
	wsaEMFILE             = syscall.Errno(10024)
	wsaEADDRINUSE         = syscall.Errno(10048)
	wsaEADDRNOTAVAIL      = syscall.Errno(10049)
	wsaENOBUFS            = syscall.Errno(10055)
)

var localErrors = []localError{
	{errorTooManyOpenFiles, Files}, {wsaEMFILE, Files}, {syscall.EMFILE, Files}, {syscall.ENFILE, Files},
	{wsaEADDRNOTAVAIL, LocalPorts}, {wsaEADDRINUSE, LocalPorts}, {syscall.EADDRNOTAVAIL, LocalPorts},
	// Windows says so of its ports, too, when it has none left.
	{wsaENOBUFS, Buffers}, {errorNotEnoughMemory, Buffers}, {errorOutOfMemory, Buffers}, {syscall.ENOBUFS, Buffers}, {syscall.ENOMEM, Buffers},
}

var forbidden = []syscall.Errno{wsaEACCES, syscall.EACCES, syscall.EPERM}
