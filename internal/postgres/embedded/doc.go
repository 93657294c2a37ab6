// Package embedded runs a Postgres server as a child of this process.
//
// The server belongs to the process: it stops when [Server.Stop] is called, and also when the process is killed,
// because a small shell between the two waits for the end of a pipe that only this process holds open. The next
// [Start] on the same folder waits for a server that is still shutting down.
//
// Postgres refuses to run as root, so a process of root starts it as another user.
package embedded
