/*
 * How a process becomes a worker: the script that is run, what must come before any code of the application, and the class and the
 * application that it loads. Nothing below knows how the process was started.
 */
import { spec } from '../context.js';
import { lifecycle } from './prelude.js';
import { serve } from './serve.js';

if (spec && lifecycle) void serve(spec, lifecycle);
