/* Each system call of the master fails once, at each point from which it is called, in each way, in each class. */
import { testFaults } from '../helpers/faults.js';

testFaults(true);
