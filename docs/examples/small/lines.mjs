// A custom worker class: it speaks lines, and not HTTP. Everything around it is as with HTTP: processes, signals,
// restarts, numbers.
import { createInterface } from 'node:readline';
import { Arbiter, Worker } from 'prefork';

class LinesWorker extends Worker {
  run() {
    // Ten connections at once. Further ones wait in the kernel, until a worker has room.
    this.acceptor = this.createAcceptor({ capacity: 10, onConnection: (socket) => this.serve(socket) });
    return this.acceptor.open();
  }

  stop() {
    return this.acceptor.close();
  }

  serve(socket) {
    // An error without a listener would end the worker.
    socket.on('error', () => socket.destroy());
    const lines = createInterface(socket);
    lines.on('line', (line) => {
      // begin() counts the line like a request, and lets it be named if the worker dies of it.
      const end = this.begin('LINE', line);
      socket.write(`${this.app(line)}\n`);
      end();
    });
    lines.on('close', () => socket.end());
  }
}

const app = (line) => [...line].reverse().join('');
const bind = process.env.BIND ?? '127.0.0.1:8000';
await new Arbiter({ app, workerClass: LinesWorker, bind, workers: 2 }).run();
