" Speak from Vim (8.2 or newer, with +job) through the command `fishvoice`, and mark the words as they are heard.
"
"   :FishvoiceSay          the current line; with a range these lines; from visual mode exactly what is selected
"   :FishvoiceSay TEXT     this text
"   :FishvoiceStop         silence
"
"   let g:fishvoice_command = ['fishvoice']         the command, as a list
"   let g:fishvoice_arguments = ['--voice', …]      what `fishvoice say` gets besides
"   highlight group FishvoiceSpoken                 the words being heard

if exists('g:loaded_fishvoice') || has('nvim') || !has('job') || !has('textprop')
  finish
endif
let g:loaded_fishvoice = 1

highlight default link FishvoiceSpoken Search
call prop_type_add('fishvoice', #{highlight: 'FishvoiceSpoken', override: v:true})
let s:current = {}

command! -range -nargs=* FishvoiceSay call s:Command(<q-args>, <line1>, <line2>, <range>)
command! FishvoiceStop call s:Stop()

augroup fishvoice
  autocmd!
  autocmd VimLeavePre * call s:Stop()
augroup END

function! s:Command(text, first, last, range) abort
  if a:text !=# ''
    return s:Say(#{text: a:text, buffer: 0})
  endif
  let lines = getline(a:first, a:last)
  let column = 0
  if a:range == 2 && visualmode() ==# 'v' && a:first == line("'<") && a:last == line("'>")
    " The end first: the two may be on one line. The mark stands on the first byte of the last character.
    let end = getpos("'>")[2] - 1
    let lines[-1] = strpart(lines[-1], 0, end + len(matchstr(strpart(lines[-1], end), '.')))
    let column = getpos("'<")[2] - 1
    let lines[0] = strpart(lines[0], column)
  endif
  call s:Say(#{text: join(lines, "\n"), buffer: bufnr(), line: a:first, column: column})
endfunction

function! s:Say(spoken) abort
  call s:Stop()
  if a:spoken.text =~# '^\_s*$'
    return s:Tell('there is no text to speak')
  endif
  let command = copy(get(g:, 'fishvoice_command', ['fishvoice']))
  if !executable(command[0])
    return s:Tell(command[0] .. ' is not installed: pip install fishvoice')
  endif
  let command += ['say', '-', '--events'] + get(g:, 'fishvoice_arguments', [])
  " A file, because writing a long text into a pipe would hold Vim up until it has been spoken.
  call extend(a:spoken, #{from: 0, piece: '', error: '', file: tempname()})
  call writefile(split(a:spoken.text, "\n", 1), a:spoken.file)
  let a:spoken.job = job_start(command, #{
        \ in_io: 'file', in_name: a:spoken.file,
        \ out_cb: {_, line -> s:Hear(a:spoken, line)},
        \ err_cb: {_, line -> extend(a:spoken, #{error: line})},
        \ exit_cb: {_, code -> s:Ended(a:spoken, code)},
        \ stoponexit: 'term'})
  let s:current = a:spoken
endfunction

function! s:Stop() abort
  let spoken = s:current
  let s:current = {}
  if !empty(spoken)
    call job_stop(spoken.job)
    call s:Clear(spoken)
  endif
endfunction

function! s:Ended(spoken, code) abort
  call s:Clear(a:spoken)
  call delete(a:spoken.file)
  if a:spoken isnot s:current
    return
  endif
  let s:current = {}
  if a:code != 0 && a:code != 130
    call s:Tell(a:spoken.error ==# '' ? 'ended with code ' .. a:code : substitute(a:spoken.error, '^fishvoice: ', '', ''))
  endif
endfunction

function! s:Hear(spoken, line) abort
  if a:spoken isnot s:current || a:line[0] !=# '{'
    return
  endif
  let event = json_decode(a:line)
  if event.event ==# 'piece'
    " Pieces come in the order of the text and are parts of it as they stand there.
    let found = stridx(a:spoken.text, event.text, a:spoken.from + len(a:spoken.piece))
    let a:spoken.piece = found < 0 ? '' : event.text
    let a:spoken.from = found < 0 ? a:spoken.from : found
  elseif event.event ==# 'chunk' && a:spoken.piece !=# ''
    call s:Mark(a:spoken, byteidxcomp(a:spoken.piece, event.text_start), byteidxcomp(a:spoken.piece, event.text_end))
  endif
endfunction

function! s:Mark(spoken, first, last) abort
  if !bufloaded(a:spoken.buffer) || a:first < 0 || a:last <= a:first
    return
  endif
  call s:Clear(a:spoken)
  let [line, column] = s:Position(a:spoken, a:spoken.from + a:first)
  let [end_line, end_column] = s:Position(a:spoken, a:spoken.from + a:last)
  try
    call prop_add(line, column, #{type: 'fishvoice', bufnr: a:spoken.buffer, end_lnum: end_line, end_col: end_column})
  catch /^Vim\%((\a\+)\)\=:E96[46]:/
    " The text has been edited: these words are no longer there.
  endtry
endfunction

" The line and column of a byte of the text, both from 1.
function! s:Position(spoken, byte) abort
  let before = split(strpart(a:spoken.text, 0, a:byte), "\n", 1)
  return [a:spoken.line + len(before) - 1, len(before[-1]) + 1 + (len(before) == 1 ? a:spoken.column : 0)]
endfunction

function! s:Clear(spoken) abort
  if bufloaded(a:spoken.buffer)
    call prop_remove(#{type: 'fishvoice', bufnr: a:spoken.buffer, all: v:true})
  endif
endfunction

function! s:Tell(message) abort
  echohl ErrorMsg
  echomsg 'fishvoice: ' .. a:message
  echohl None
endfunction
