/* The entry script of the workers of a module-form app. */
import { spec } from '../context.js';
import { lifecycle } from './prelude.js';
import { serve } from './serve.js';

if (spec && lifecycle) void serve(spec, lifecycle);
