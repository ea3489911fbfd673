/* SPDX-License-Identifier: MIT
 *
 * The report's parts as they lie in the folder, and the chart library: PART_begin to PART_end.
 */
.macro part name, file
.global paceline_report_\name\()_begin
.global paceline_report_\name\()_end
paceline_report_\name\()_begin:
.incbin "\file"
paceline_report_\name\()_end:
.endm

.section .rodata, "a"
part page, "page.html"
part style, "page.css"
part base, "base.js"
part distribution, "distribution.js"
part run, "run.js"
part comparison, "comparison.js"
part start, "start.js"
part chart, "chart.min.js"
part licence, "chart_licence.txt"
.section .note.GNU-stack, "", %progbits
