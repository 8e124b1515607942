# The house's comments as Doxygen wants them: "// ..." above a declaration becomes "/** ... */", behind one "///< ...", the head of a file belongs to the file, and lines that are
# indented in a comment (formulas, examples) keep their layout. Nothing in a comment is a command.
function literal(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/[@&$#<>%"]/, "\\\\&", text)
  return safe(text)
}
function safe(text) {
  gsub(/\*\//, "* /", text)
  gsub(/\/\*/, "/ *", text)
  return text
}
function close_verbatim() {
  if (verbatim) print "\\endverbatim"
  while (empty-- > 0) print ""
  verbatim = empty = 0
}
function close_comment() {
  if (!comment) return
  close_verbatim()
  print "*/"
  comment = 0
}

/^template <>$/ { close_comment(); held = 1; next }                         # what is written for fmt is not for readers, and Doxygen stumbles over it
held && /^struct fmt::formatter/ { skipping = 1; held = 0; next }
skipping { if (/^};/) skipping = 0; next }
held { print "template <>"; held = 0 }

match($0, /^ *\/\//) {
  text = substr($0, RLENGTH + 1)
  if (text ~ /^ ----/) { close_comment(); next }                            # the heading of a group
  if (!comment) print (FNR == 1 ? "/** \\file\n" : "/**")
  comment = 1
  if (text ~ /^ *$/) { ++empty; next }                                      # ends a formula only if no other follows
  if (text ~ /^   /) {
    if (!verbatim) { close_verbatim(); print "\\verbatim" }
    while (empty-- > 0) print ""
    verbatim = 1
    empty = 0
    print safe(text)
    next
  }
  close_verbatim()
  print literal(text)
  next
}
{
  close_comment()
  if (match($0, /[;,}>]  *\/\/ [^"]*$/)) {
    behind = substr($0, RSTART + 1)
    sub(/^ *\/\//, "", behind)
    print substr($0, 1, RSTART) "  ///<" literal(behind)
    next
  }
  print
}
