-- Speak from Neovim (0.7 or newer) through the command `fishvoice`, and mark the words as they are heard.
--
--   :FishvoiceSay          the current line; with a range these lines; from visual mode exactly what is selected
--   :FishvoiceSay TEXT     this text
--   :FishvoiceStop         silence
--
--   vim.g.fishvoice_command = { 'fishvoice' }      the command, as a list
--   vim.g.fishvoice_arguments = { '--voice', … }   what `fishvoice say` gets besides
--   highlight group FishvoiceSpoken                the words being heard

if vim.g.loaded_fishvoice then
  return
end
vim.g.loaded_fishvoice = true

local namespace = vim.api.nvim_create_namespace('fishvoice')
local current -- what is being spoken: { job, buffer, text, from, … }

vim.api.nvim_set_hl(0, 'FishvoiceSpoken', { default = true, link = 'Search' })

local function tell(message)
  vim.notify('fishvoice: ' .. message, vim.log.levels.ERROR)
end

local function clear(spoken)
  if spoken.buffer and vim.api.nvim_buf_is_valid(spoken.buffer) then
    vim.api.nvim_buf_clear_namespace(spoken.buffer, namespace, 0, -1)
  end
end

-- The row and column of a byte of the text, which began at `spoken.row` and `spoken.column` of its buffer.
local function position(spoken, byte)
  local before = spoken.text:sub(1, byte)
  local _, rows = before:gsub('\n', '')
  local last = before:match('[^\n]*$')
  return spoken.row + rows, (rows == 0 and spoken.column or 0) + #last
end

local function mark(spoken, event)
  if not spoken.buffer or not spoken.piece or not vim.api.nvim_buf_is_valid(spoken.buffer) then
    return
  end
  local first = vim.fn.byteidxcomp(spoken.piece, event.text_start)
  local last = vim.fn.byteidxcomp(spoken.piece, event.text_end)
  if first < 0 or last <= first then
    return
  end
  local row, column = position(spoken, spoken.from + first)
  local end_row, end_column = position(spoken, spoken.from + last)
  clear(spoken)
  -- Not strict: the text may have been edited since.
  vim.api.nvim_buf_set_extmark(spoken.buffer, namespace, row, column, {
    end_row = end_row, end_col = end_column, hl_group = 'FishvoiceSpoken', strict = false,
  })
end

-- Pieces come in the order of the text and are parts of it as they stand there: the next one is found after the last.
local function begin(spoken, event)
  local found = spoken.text:find(event.text, spoken.from + #(spoken.piece or '') + 1, true)
  spoken.piece = found and event.text or nil
  spoken.from = found and found - 1 or spoken.from
end

local function hear(spoken, line)
  local ok, event = pcall(vim.fn.json_decode, line)
  if not ok or type(event) ~= 'table' or spoken ~= current then
    return
  elseif event.event == 'piece' then
    begin(spoken, event)
  elseif event.event == 'chunk' then
    mark(spoken, event)
  end
end

local function stop()
  local spoken = current
  current = nil
  if spoken then
    vim.fn.jobstop(spoken.job)
    clear(spoken)
  end
end

local function say(spoken)
  stop()
  if spoken.text:match('^%s*$') then
    return tell('there is no text to speak')
  end
  local command = vim.list_extend({}, vim.g.fishvoice_command or { 'fishvoice' })
  if vim.fn.executable(command[1]) ~= 1 then
    return tell(command[1] .. ' is not installed: pip install fishvoice')
  end
  vim.list_extend(command, { 'say', '-', '--events' })
  vim.list_extend(command, vim.g.fishvoice_arguments or {})
  local rest, errors = '', {}
  spoken.from = 0
  spoken.job = vim.fn.jobstart(command, {
    on_stdout = function(_, lines)
      lines[1] = rest .. lines[1]
      rest = table.remove(lines)
      for _, line in ipairs(lines) do
        hear(spoken, line)
      end
    end,
    on_stderr = function(_, lines)
      vim.list_extend(errors, vim.tbl_filter(function(line) return line ~= '' end, lines))
    end,
    on_exit = function(_, code)
      clear(spoken)
      if spoken ~= current then
        return -- stopped from here
      end
      current = nil
      if code ~= 0 and code ~= 130 then
        tell((errors[#errors] or ('ended with code ' .. code)):gsub('^fishvoice: ', ''))
      end
    end,
  })
  current = spoken
  vim.fn.chansend(spoken.job, spoken.text)
  vim.fn.chanclose(spoken.job, 'stdin')
end

-- From here on rows and columns count from 0, and columns are bytes.

local function lines(first, last)
  return { row = first, column = 0, text = table.concat(vim.api.nvim_buf_get_lines(0, first, last + 1, false), '\n') }
end

local function selection()
  local from, to = vim.api.nvim_buf_get_mark(0, '<'), vim.api.nvim_buf_get_mark(0, '>')
  local row, column, end_row = from[1] - 1, from[2], to[1] - 1
  local last = vim.api.nvim_buf_get_lines(0, end_row, end_row + 1, false)[1] or ''
  -- The mark stands on the first byte of the last character, or past the end of the line.
  local end_column = #last
  if to[2] < #last then
    end_column = to[2] + #vim.fn.matchstr(last:sub(to[2] + 1), '.')
  end
  local text = vim.api.nvim_buf_get_text(0, row, column, end_row, end_column, {})
  return { row = row, column = column, text = table.concat(text, '\n') }
end

vim.api.nvim_create_user_command('FishvoiceSay', function(options)
  local spoken
  if options.args ~= '' then
    return say({ text = options.args })
  end
  local first, last = options.line1 - 1, options.line2 - 1
  local selected = options.range == 2 and vim.fn.visualmode() == 'v'
    and first == vim.fn.line("'<") - 1 and last == vim.fn.line("'>") - 1
  spoken = selected and selection() or lines(first, last)
  spoken.buffer = vim.api.nvim_get_current_buf()
  say(spoken)
end, { range = true, nargs = '*', desc = 'Speak the current line, a range, the selection, or a text' })

vim.api.nvim_create_user_command('FishvoiceStop', stop, { desc = 'Stop speaking' })

vim.api.nvim_create_autocmd('VimLeavePre', { callback = stop })
