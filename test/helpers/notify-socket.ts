import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './place.js';
import { Program } from './program.js';

/** Why tests of notifications cannot run here. Node has no Unix datagram sockets, so the receiver is in perl. */
export const noNotifications: string | false =
  ['systemd-notify', 'perl'].find((name) => spawnSync(name, ['--version']).status !== 0)?.concat(' is not installed') ??
  false;

/**
 * Prints each datagram as a line `> message`, with `|` for line ends. Barriers are left out; their descriptors are
 * not received, and so closed.
 */
const RECEIVER = `
use IO::Socket::UNIX;
$| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
print "bound\\n";
while (defined $socket->recv(my $message, 65536)) {
  next if $message eq 'BARRIER=1';
  $message =~ s/\\n/|/g;
  print "> $message\\n";
}`;

/** A service manager's end of NOTIFY_SOCKET. It notes all messages. */
export class NotifySocket {
  readonly path: string;
  readonly #program: Program;

  private constructor(path: string, program: Program) {
    this.path = path;
    this.#program = program;
  }

  /** Opens a socket that closes with the test. */
  static async open(t: TestContext): Promise<NotifySocket> {
    const path = join(temporaryFolder(t), 'notify');
    const program = new Program(t, 'perl', ['-e', RECEIVER, path]);
    await program.printed(/^bound/m);
    return new NotifySocket(path, program);
  }

  get env(): { NOTIFY_SOCKET: string } {
    return { NOTIFY_SOCKET: this.path };
  }

  /** All messages so far, each as a list of its assignments. */
  get messages(): string[][] {
    return [...this.#program.output.matchAll(/^> (.*)\n/gm)].map(([, message]) => (message as string).split('|'));
  }

  /** The same without the texts for humans (STATUS). */
  get states(): string[] {
    const states = this.messages.map((message) => message.filter((text) => !text.startsWith('STATUS=')).join());
    return states.filter((text) => text !== '');
  }

  /** How many messages with this assignment have come. */
  count(assignment: string): number {
    return this.messages.filter((message) => message.includes(assignment)).length;
  }

  /** Waits until a message matches; line ends are `|`. */
  told(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#program.printed(new RegExp(`^> (?:${pattern.source})`, 'm'));
  }
}
