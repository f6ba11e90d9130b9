/* Speaks lines of text with flite's voice slt and tells where every phone lies.
 *
 *     flite_speak -                    phones only, no sound
 *     flite_speak SAMPLES              the voice as it is
 *     flite_speak SAMPLES PARAMETERS   the voice on the codec's grid
 *
 * Standard input: one utterance per line. SAMPLES: 16-bit, mono, native order, utterances one after the other.
 * Standard output, one line per utterance:
 *     <samples> <rate> <TAB> token <TAB> token ...
 * where a token (one blank-separated piece of the line) is a list of "phone:stress:end" in seconds, separated by
 * blanks; pauses stand in the token "-", which the utterance's edges also use.
 *
 * slt is a statistical voice: before there is sound there is a smooth track of mel cepstra, pitch and excitation
 * strengths, a row every 5 ms. "On the grid" means that this track is stretched phone by phone, so that every phone
 * takes a whole number of 40 ms frames, and then turned into sound by flite itself; what lies before the first phone
 * and after the last one is cut to LEAD and TAIL. PARAMETERS gets the stretched rows (CHANNELS float32 each, ROWS for
 * every 40 ms of samples).
 */
#include <flite/flite.h>
#include <flite/cst_cg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 8
#define ROW 0.005
#define FRAME (ROWS * ROW)
#define LEAD 0.02
#define TAIL 3 /* frames */
#define CEPSTRA 25
#define STRENGTHS 5
#define CHANNELS (1 + CEPSTRA + STRENGTHS)

cst_voice *register_cmu_us_slt(const char *voxdir);

static FILE *parameters = NULL;

/* Stands in for the waveform synthesis where only phones are wanted. */
static cst_utterance *no_sound(cst_utterance *utterance)
{
    return utterance;
}

static int is_pause(const cst_item *segment)
{
    return !strcmp(item_feat_string(segment, "name"), "pau");
}

static float between(const cst_track *track, double row, int channel)
{
    int last = track->num_frames - 1;
    int low = row < 0 ? 0 : row > last ? last : (int)row;
    int high = low < last ? low + 1 : last;
    double share = row < 0 ? 0 : row - low;
    return (float)((1 - share) * track->frames[low][channel] + share * track->frames[high][channel]);
}

/* Copies the rows of one stretch of time, [from, to) in seconds, onto `count` rows from `at` on. */
static void stretch(const cst_track *old, const cst_track *strengths, double from, double to, cst_track *made,
                    cst_track *made_strengths, int at, int count)
{
    int i, k;
    for (i = 0; i < count; i++) {
        double row = (from + (to - from) * (i + 0.5) / count) / ROW - 0.5;
        int nearest = row < 0 ? 0 : row > old->num_frames - 1 ? old->num_frames - 1 : (int)(row + 0.5);
        made->frames[at + i][0] = old->frames[nearest][0]; /* no pitch between a pitch and none */
        for (k = 1; k <= CEPSTRA; k++) {
            made->frames[at + i][k] = between(old, row, k);
        }
        for (k = 0; k < STRENGTHS; k++) {
            made_strengths->frames[at + i][k] = between(strengths, row, k);
        }
    }
}

/* Ends flite's own synthesis at its first samples: only the track before it is wanted. */
static int enough(const cst_wave *wave, int start, int size, int last, cst_audio_streaming_info *info)
{
    (void)wave, (void)start, (void)size, (void)last, (void)info;
    return CST_AUDIO_STREAM_STOP;
}

/* Instead of flite's synthesis: sound on the grid, parameters written, segments' ends moved. */
static cst_utterance *on_grid(cst_utterance *utterance)
{
    cst_item *segment, *first = NULL, *last = NULL;
    cst_cg_db *db;
    cst_track *smooth, *strengths, *made, *made_strengths;
    double from, begin;
    int frame = 0, rows, i, capacity;

    cg_synth(utterance);
    db = val_cg_db(utt_feat_val(utterance, "cg_db"));
    strengths = val_track(utt_feat_val(utterance, "str_track"));
    for (segment = relation_head(utt_relation(utterance, "Segment")); segment; segment = item_next(segment)) {
        if (!is_pause(segment)) {
            first = first ? first : segment;
            last = segment;
        }
    }
    if (!first) {
        utt_set_wave(utterance, new_wave());
        return utterance;
    }
    smooth = mlpg(val_track(utt_feat_val(utterance, "param_track")), db);
    begin = item_prev(first) ? item_feat_float(item_prev(first), "end") - LEAD : 0.0;
    from = begin = begin < 0 ? 0 : begin;
    capacity = 2 * smooth->num_frames + ROWS * (TAIL + 1) + 1;
    for (segment = first; segment; segment = item_next(segment)) {
        capacity += ROWS; /* every phone takes a frame at least */
    }
    made = new_track();
    made_strengths = new_track();
    cst_track_resize(made, capacity, CEPSTRA + 1);
    cst_track_resize(made_strengths, capacity, STRENGTHS);
    for (segment = first; segment; segment = item_next(segment)) {
        double to = item_feat_float(segment, "end");
        int end = (int)floor((to - begin) / FRAME + 0.5);
        end = end > frame ? end : frame + 1;
        stretch(smooth, strengths, from, to, made, made_strengths, frame * ROWS, (end - frame) * ROWS);
        item_set_float(segment, "end", (float)(end * FRAME));
        frame = end;
        from = to;
        if (segment == last) {
            break;
        }
    }
    stretch(smooth, strengths, from, from + TAIL * FRAME, made, made_strengths, frame * ROWS, TAIL * ROWS + 1);
    rows = (frame + TAIL) * ROWS;
    made->num_frames = made_strengths->num_frames = rows + 1; /* the synthesis makes sound between rows */
    for (i = 0; i <= rows; i++) {
        made->times[i] = made_strengths->times[i] = (float)(i * ROW);
    }
    for (i = 0; i < rows; i++) {
        fwrite(made->frames[i], sizeof(float), CEPSTRA + 1, parameters);
        fwrite(made_strengths->frames[i], sizeof(float), STRENGTHS, parameters);
    }
    utt_set_wave(utterance, mlsa_resynthesis(made, made_strengths, db, NULL, 0));
    delete_track(smooth);
    delete_track(made);
    delete_track(made_strengths);
    return utterance;
}

static void tell(cst_utterance *utterance, FILE *out)
{
    const cst_item *token, *last = NULL;
    cst_item *segment;
    int first = 1;
    for (segment = relation_head(utt_relation(utterance, "Segment")); segment; segment = item_next(segment)) {
        cst_item *syllable = item_parent(item_as(segment, "SylStructure"));
        cst_item *word = syllable ? item_parent(syllable) : NULL;
        const char *stress = syllable ? item_feat_string(syllable, "stress") : "0";
        token = word ? item_parent(item_as(word, "Token")) : NULL;
        if (first || token != last) {
            fputs(token ? "\t" : "\t- ", out);
        } else {
            fputc(' ', out);
        }
        fprintf(out, "%s:%s:%.4f", item_feat_string(segment, "name"), stress,
                item_feat_present(segment, "end") ? item_feat_float(segment, "end") : 0.0);
        last = token;
        first = 0;
    }
    fputc('\n', out);
}

static FILE *created(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

int main(int argc, char **argv)
{
    static char line[8192];
    FILE *sound = NULL;
    cst_voice *voice;
    cst_audio_streaming_info *streaming;
    if (argc != 2 && argc != 3) {
        fputs("usage: flite_speak - | SAMPLES [PARAMETERS]  < lines\n", stderr);
        return 2;
    }
    sound = strcmp(argv[1], "-") ? created(argv[1]) : NULL;
    flite_init();
    voice = register_cmu_us_slt(NULL);
    if (!sound) {
        feat_set(voice->features, "wave_synth_func", uttfunc_val(&no_sound));
    } else if (argc == 3) {
        parameters = created(argv[2]);
        feat_set(voice->features, "wave_synth_func", uttfunc_val(&on_grid));
        streaming = new_audio_streaming_info();
        streaming->asc = enough;
        streaming->min_buffsize = 256;
        feat_set(voice->features, "streaming_info", audio_streaming_info_val(streaming));
    }
    while (fgets(line, sizeof line, stdin)) {
        cst_utterance *utterance;
        line[strcspn(line, "\n")] = 0;
        utterance = flite_synth_text(line, voice);
        if (!utterance) {
            puts("0 16000");
            continue;
        }
        if (sound) {
            cst_wave *wave = utt_wave(utterance);
            printf("%d %d", wave->num_samples, wave->sample_rate);
            if (fwrite(wave->samples, 2, wave->num_samples, sound) != (size_t)wave->num_samples) {
                perror(argv[1]);
                return 1;
            }
        } else {
            printf("0 0");
        }
        tell(utterance, stdout);
        delete_utterance(utterance);
    }
    return (sound && fclose(sound)) || (parameters && fclose(parameters)) ? 1 : 0;
}
