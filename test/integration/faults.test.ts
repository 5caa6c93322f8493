/*
 * Each system call of the master fails once, where it first comes. `npm run test:long` has every point, in each class.
 */
import { testFaults } from '../helpers/faults.js';

testFaults(false);
