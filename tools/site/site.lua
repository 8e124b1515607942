-- What the two halves of the site share (chapters.lua, sources.lua): which files there are, in which order chapters are read, and the frame of a page.
local site = {}

-- The course's order. `./bonsai docs` says in SITE_FILES what there is.
site.chapters = {
  "README.md", "core/README.md", "core/sparse24/FORMAT.md", "nn/README.md", "datasets/README.md", "datasets/trained/README.md", "prune/README.md",
  "prune/scores/README.md", "prune/schedules/README.md", "prune/recovery/README.md", "prune/structure/README.md", "prune/nm/README.md",
  "prune/layerwise/README.md", "prune/compress/README.md", "prune/compress/FORMAT.md", "cuda/README.md", "cuda/sparse24/README.md", "experiments/README.md",
  "tools/README.md", "tests/README.md", "NOTATION.md",
}

site.root = os.getenv("SITE_ROOT")
site.out = os.getenv("SITE_OUT")
site.files, site.folders = {}, {["."] = true}
for line in io.lines(os.getenv("SITE_FILES")) do
  site.files[line] = true
  local folder = line:match("(.*)/")
  while folder do
    site.folders[folder] = true
    folder = folder:match("(.*)/")
  end
end

function site.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function site.escape(text) return (text:gsub("[&<>\"]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"})) end

-- "a/b/../c" -> "a/c"; "." for the root.
function site.normal(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 then table.remove(parts) elseif part ~= "." then parts[#parts + 1] = part end
  end
  return #parts > 0 and table.concat(parts, "/") or "."
end

-- From a page in this folder back to the root: "", "../", ...
function site.up(folder) return folder == "." and "" or folder:gsub("[^/]+", "..") .. "/" end

-- Where a file or folder of the checkout is in the site; nil: nowhere.
function site.page(path)
  if path == "." then return "index.html" end
  if path:match("%.md$") then return site.files[path] and (path:gsub("README%.md$", "index.md"):gsub("%.md$", ".html")) end
  if path:match("%.png$") then return site.files[path] and path end
  if site.files[path] then return path .. ".html" end
  if site.folders[path] then return path .. "/index.html" end
end

local titles = {}
function site.title(chapter)
  titles[chapter] = titles[chapter] or site.read(site.root .. "/" .. chapter):match("^# ([^\n]*)")
  return titles[chapter]
end

-- The list of chapters, as seen from a page of this folder; `here` is not a link.
function site.nav(folder, here)
  local items, up = {}, site.up(folder)
  for _, chapter in ipairs(site.chapters) do
    local name = chapter:gsub("/?README%.md$", ""):gsub("%.md$", "")
    local depth = select(2, name:gsub("/", ""))
    if name == "" then name = "bonsai" end
    if name == "NOTATION" then name = "Notation, words" end
    local label = depth > 0 and name:match("([^/]*)$") or name
    if label == "FORMAT" then label = name:match("([^/]*)/FORMAT$") .. ", the bytes" end
    if label == "sparse24" then label = "2:4 on a warp" end
    local class = depth > 0 and " class=\"deep\"" or ""
    if chapter == here then
      items[#items + 1] = string.format("<li%s><b>%s</b></li>", class, label)
    else
      items[#items + 1] = string.format("<li%s><a href=\"%s\">%s</a></li>", class, up .. site.page(chapter), label)
    end
  end
  items[#items + 1] = site.files["api"] and string.format("<li><a href=\"%sapi/index.html\">headers</a></li>", up) or ""
  return "<ul>" .. table.concat(items) .. "</ul>"
end

-- The chapters before and after this one.
function site.neighbours(chapter)
  local up, links = site.up(chapter:match("(.*)/") or "."), {}
  for i, name in ipairs(site.chapters) do
    if name == chapter then
      local before, after = site.chapters[i - 1], site.chapters[i + 1]
      if before then links[#links + 1] = string.format("<a rel=\"prev\" href=\"%s%s\">← %s</a>", up, site.page(before), site.escape(site.title(before))) end
      if after then links[#links + 1] = string.format("<a rel=\"next\" href=\"%s%s\">%s →</a>", up, site.page(after), site.escape(site.title(after))) end
    end
  end
  return "<p class=\"neighbours\">" .. table.concat(links, " ") .. "</p>"
end

-- "(obs.1)" -> the page and place of its chapter.
function site.tags()
  local where = {}
  for _, chapter in ipairs(site.chapters) do
    for line in io.lines(site.root .. "/" .. chapter) do
      for tag in line:gmatch("%]%b()%s*%(([a-z]+[0-9]*%.[0-9]+)%)") do where[tag] = site.page(chapter) .. "#" .. tag end
    end
  end
  return where
end

return site
