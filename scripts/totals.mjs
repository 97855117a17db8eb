// Prints what failed, and the closing line of .ci/run, from vitest's JSON report: `totals.mjs REPORT`. Exits 1 when a test failed or none ran.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

let report;
try {
  report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch (error) {
  console.log(`no test report: ${error.message}`);
  report = {
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    success: false,
    testResults: [],
  };
}
// A file that could not be loaded, or whose hooks failed, has no failed test to count: it is one failure.
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
);
const failed = report.numFailedTests + broken.length;

const LINES = 6;
function describe(file, title, message) {
  const lines = stripVTControlCharacters(message).split('\n');
  console.log(`FAILED: ${relative(process.cwd(), file)}${title}`);
  for (const line of lines.slice(0, LINES)) console.log(`    ${line.slice(0, 300)}`);
}
for (const file of broken) describe(file.name, '', file.message);
for (const file of report.testResults) {
  for (const { status, fullName, failureMessages = [] } of file.assertionResults) {
    if (status === 'failed') describe(file.name, ` > ${fullName}`, failureMessages.join('\n'));
  }
}

const skipped = report.numPendingTests + report.numTodoTests;
console.log(`Tests: ${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(report.success && failed === 0 && report.numPassedTests > 0 ? 0 : 1);
