/*
 * The script that a worker process runs in the module form. This folder turns a process into a worker: it runs what
 * must come before any code of the application, then loads the worker class and the application. The folders below do
 * not know how the process was started.
 */
import { spec } from '../context.js';
import { lifecycle } from './prelude.js';
import { serve } from './serve.js';

if (spec && lifecycle) void serve(spec, lifecycle);
