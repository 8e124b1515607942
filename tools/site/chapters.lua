-- One chapter as a page: a filter of pandoc's. Links lead to pages; in a line with a formula's tag the formula is set as one; wide tables may be moved sideways.
package.path = os.getenv("SITE_ROOT") .. "/tools/site/?.lua;" .. package.path
local site = require("site")
local chapter, folder

local function fail(...) io.stderr:write("docs: ", string.format(...), "\n") os.exit(2) end

-- A link or picture as the chapter has it -> as the page has it.
local function target(link)
  if link:match("^%a+:") or link:match("^#") then return link end
  local path, place = link:match("^([^#]*)(#?.*)$")
  local page = site.page(site.normal(folder .. "/" .. path))
  if not page then fail("%s links to %s, which is not there", chapter, link) end
  return site.up(folder) .. page .. place
end

-- w_q² -> w, q below, ²; x^(1/n), 2^bits and Σ_{kept} likewise. What stands below or above: braces, brackets, or the letters that follow.
local function set(text)
  local html = site.escape(text)
  html = html:gsub("_{([^}]*)}", "<sub>%1</sub>"):gsub("%^{([^}]*)}", "<sup>%1</sup>")
  html = html:gsub("_(%b())", function(below) return "<sub>" .. below:sub(2, -2) .. "</sub>" end):gsub("_([%w,:]*[%w:])", "<sub>%1</sub>")
  html = html:gsub("x%^([^%w%(])", "x̂%1"):gsub("x%^$", "x̂"):gsub("%^(%b())", "<sup>%1</sup>"):gsub("%^(%w+)", "<sup>%1</sup>")
  return html
end

local function tag_in(text) return text:match("^%(([a-z]+[0-9]*%.[0-9]+)%)[;:,.]?$") end

-- Words, set as a formula; what is neither a word nor a space (code, a link) stays as it is.
local function setter(out)
  local words = ""
  local function flush()
    if words ~= "" then out:insert(pandoc.RawInline("html", set(words))) end
    words = ""
  end
  return function(x)
    if x and x.t == "Str" then words = words .. x.text return end
    if x and (x.t == "Space" or x.t == "SoftBreak") then words = words .. " " return end
    flush()
    if x then out:insert(x) end
  end
end

-- The inlines of a line with a tag: "s = ½ H_ii w², in [obd.h](..) (obd.1)". What stands before the first link is a formula, if it is `set`; the tag becomes a place. nil: no tag.
local function formulas(inlines, is_set)
  local tagged = false
  for _, x in ipairs(inlines) do tagged = tagged or (x.t == "Str" and tag_in(x.text) ~= nil) end
  if not tagged then return nil end
  local out, open = pandoc.List(), is_set
  local put = setter(out)
  if open then out:insert(pandoc.RawInline("html", '<span class="formula">')) end
  for _, x in ipairs(inlines) do
    if x.t == "Link" and open then
      put(nil)
      out:insert(pandoc.RawInline("html", "</span>"))
      open = false
    end
    local tag = x.t == "Str" and tag_in(x.text)
    if tag then
      if open then put(nil) end
      out:insert(pandoc.RawInline("html", string.format('<span class="tag" id="%s">%s</span>', tag, site.escape(x.text))))
    elseif open then
      put(x)
    else
      out:insert(x)
    end
  end
  if open then
    put(nil)
    out:insert(pandoc.RawInline("html", "</span>"))
  end
  return out
end

-- In a table whose tags stand in a column of their own, the formula is in the column before it.
local function row_formulas(cells)
  for i, cell in ipairs(cells) do
    for j, block in ipairs(cell.contents) do
      local new = (block.t == "Plain" or block.t == "Para") and formulas(block.content, true)
      if new then
        local first = block.content[1]
        cell.contents[j] = pandoc.Plain(new)
        if first and first.t == "Link" and i > 1 then
          for k, before in ipairs(cells[i - 1].contents) do
            if before.t == "Plain" then
              local set_there = pandoc.List{pandoc.RawInline("html", '<span class="formula">')}
              local put = setter(set_there)
              for _, x in ipairs(before.content) do put(x) end
              put(nil)
              set_there:insert(pandoc.RawInline("html", "</span>"))
              cells[i - 1].contents[k] = pandoc.Plain(set_there)
            end
          end
        end
      end
    end
  end
  return cells
end

local function table_of(t)
  local plain = true
  for _, row in ipairs(t.head.rows) do
    for _, cell in ipairs(row.cells) do plain = plain and #cell.contents == 0 end
  end
  for _, body in ipairs(t.bodies) do
    for _, row in ipairs(body.body) do row.cells = row_formulas(row.cells) end
  end
  local class = plain and "card" or "wide"
  return {pandoc.RawBlock("html", '<div class="' .. class .. '">'), t, pandoc.RawBlock("html", "</div>")}
end

return {
  {Meta = function(meta)
    chapter = pandoc.utils.stringify(meta.chapter)
    folder = chapter:match("(.*)/") or "."
  end},
  {
    Link = function(link) link.target = target(link.target) return link end,
    Image = function(image)
      image.src = target(image.src)
      image.attributes.loading = "lazy"
      return image
    end,
    Table = table_of,
    Para = function(para)
      local new = formulas(para.content, false)
      if new then return pandoc.Para(new) end
    end,
  },
  {Str = function(str)  -- w_q and λ_g stand in sentences, too: one letter (of the Greek ones two bytes) and what is below it
    local html, changed = site.escape(str.text):gsub("%f[%w\xCE\xCF]([\xCE\xCF]?[%w\x80-\xBF])_(%w+)%f[^%w_]", "%1<sub>%2</sub>")
    local more
    html, more = html:gsub("%]_(%w+)", "]<sub>%1</sub>")
    changed = changed + more
    if changed > 0 then return pandoc.RawInline("html", html) end
  end},
  {Meta = function(meta)
    local function raw(html) return pandoc.MetaBlocks{pandoc.RawBlock("html", html)} end
    meta.title, meta.up = pandoc.MetaString(site.title(chapter)), pandoc.MetaString(site.up(folder))
    meta.nav, meta.neighbours = raw(site.nav(folder, chapter)), raw(site.neighbours(chapter))
    meta.path = pandoc.MetaString(chapter)
    return meta
  end},
}
