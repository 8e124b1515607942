-- Every file of source code as a page: numbered lines, "#L12" leads to one, names of included files to their pages and a formula's tag back to its chapter. Run by pandoc, as
-- a filter of nothing: it is the Lua that is there.
package.path = os.getenv("SITE_ROOT") .. "/tools/site/?.lua;" .. package.path
local site = require("site")
local tags = site.tags()
local frame = site.read(site.root .. "/tools/site/page.html")

local keywords = {}
for word in ([[alignas auto bool break case catch char class concept const consteval constexpr continue decltype default delete do double else enum explicit false final float for friend
  if inline int long mutable namespace new noexcept nullptr operator override private protected public requires return short signed sizeof static static_assert static_cast struct
  switch template this throw true try typedef typename union unsigned using virtual void while reinterpret_cast const_cast __global__ __device__ __shared__ __host__
  and as assert def elif except from import in is lambda not or pass raise with None True False function local then end fi done esac]]):gmatch("%S+") do keywords[word] = true end

local function span(class, text) return text == "" and "" or string.format('<span class="%s">%s</span>', class, text) end

local function linked(text, up)  -- tags in a comment
  return (site.escape(text):gsub("%(([a-z]+[0-9]*%.[0-9]+)%)", function(tag) return tags[tag] and string.format('(<a href="%s%s">%s</a>)', up, tags[tag], tag) end))
end

-- One line; `inside`: it begins in a comment of several lines. Returns the HTML and whether the next line does.
local function coloured(line, slashes, inside, up)
  local out, i = {}, 1
  local function put(text) out[#out + 1] = text end
  local comment = slashes and "//" or "#"
  if slashes and not inside then
    local before, file, after = line:match('^(%s*#%s*include%s+")([^"]+)(".*)$')
    if file then return span("p", site.escape(before)) .. (site.files[file] and string.format('<a href="%s%s.html">%s</a>', up, file, file) or span("s", file)) .. span("p", site.escape(after)), false end
    if line:match("^%s*#") then return span("p", site.escape(line)), false end
  end
  while i <= #line do
    if inside then
      local stop = line:find("*/", i, true)
      put(span("c", linked(line:sub(i, stop and stop + 1 or #line), up)))
      if not stop then return table.concat(out), true end
      i, inside = stop + 2, false
    elseif line:sub(i, i + #comment - 1) == comment and (slashes or i == 1 or line:sub(i - 1, i - 1) == " ") then
      put(span("c", linked(line:sub(i), up)))
      return table.concat(out), false
    elseif slashes and line:sub(i, i + 1) == "/*" then
      inside = true
    else
      local word = line:match("^[%a_][%w_]*", i)
      local number = not word and line:match("^%d[%w_.']*", i)
      local quote = not word and not number and line:match("^[\"']", i)
      if word then
        put(keywords[word] and span("k", word) or word)
        i = i + #word
      elseif number then
        put(span("n", site.escape(number)))
        i = i + #number
      elseif quote then
        local stop = i + 1
        while stop <= #line and line:sub(stop, stop) ~= quote do stop = stop + (line:sub(stop, stop) == "\\" and 2 or 1) end
        put(span("s", site.escape(line:sub(i, stop))))
        i = stop + 1
      else
        local other = line:match("^[^%w_\"'/#*]+", i) or line:sub(i, i)
        put(site.escape(other))
        i = i + #other
      end
    end
  end
  return table.concat(out), inside
end

local function write(path, folder, title, body)
  local values = {title = site.escape(title), up = site.up(folder), nav = site.nav(folder), body = body, neighbours = ""}
  local page = frame:gsub("%$(%a+)%$", values):gsub("<body>", '<body class="source">', 1)
  local file = assert(io.open(site.out .. "/" .. path, "wb"))
  file:write(page)
  file:close()
end

local function source(path)
  local folder = path:match("(.*)/") or "."
  local up, lines, inside, number = site.up(folder), {}, false, 0
  local slashes = path:match("%.h$") or path:match("%.cpp$") or path:match("%.cuh?$") or path:match("%.css$")
  for line in (site.read(site.root .. "/" .. path):gsub("\n$", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local html
    html, inside = coloured(line, slashes, inside, up)
    lines[number] = string.format('<span id="L%d"><a href="#L%d">%d</a>%s</span>', number, number, number, html)
  end
  local parts = {}
  local at = ""
  for part in folder:gmatch("[^/]+") do
    at = at == "" and part or at .. "/" .. part
    if at ~= "." then parts[#parts + 1] = string.format('<a href="%s%s">%s</a>', up, site.page(at .. (site.files[at .. "/README.md"] and "/README.md" or "")), part) end
  end
  parts[#parts + 1] = path:match("[^/]*$")
  write(path .. ".html", folder, path, "<h1>" .. table.concat(parts, "/") .. '</h1>\n<pre class="code">' .. table.concat(lines) .. "</pre>")
end

local function listing(folder)
  local names = {}
  for path in pairs(site.files) do
    local rest = path:sub(1, #folder + 1) == folder .. "/" and path:sub(#folder + 2)
    if rest and not rest:find("/") then names[#names + 1] = rest end
  end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = string.format('<li><a href="%s">%s</a></li>', (site.up(folder) .. site.page(folder .. "/" .. name)), name) end
  write(folder .. "/index.html", folder, folder, "<h1>" .. folder .. "/</h1>\n<ul>" .. table.concat(names) .. "</ul>")
end

for path in pairs(site.files) do
  if not path:match("%.md$") and not path:match("%.png$") and path ~= "api" then source(path) end
end
for folder in pairs(site.folders) do
  if folder ~= "." and not site.files[folder .. "/README.md"] then listing(folder) end
end
