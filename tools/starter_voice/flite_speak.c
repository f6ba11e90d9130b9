/* Speaks lines of text with flite's voice slt and tells where every phone lies.
 *
 * Standard input: one utterance per line. Argument 1: file for the samples
 * (16-bit, mono, native order, utterances one after the other; "-" speaks no
 * sound and gives only the phones). Standard output, one line per utterance:
 *     <samples> <rate> <TAB> token <TAB> token ...
 * where a token (one blank-separated piece of the line) is a list of
 * "phone:stress:end" in seconds, separated by blanks; pauses stand in the token
 * "-", which the utterance's edges also use.
 */
#include <flite/flite.h>
#include <stdio.h>
#include <string.h>

cst_voice *register_cmu_us_slt(const char *voxdir);

/* Stands in for the waveform synthesis where only phones are wanted. */
static cst_utterance *no_sound(cst_utterance *utterance)
{
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

int main(int argc, char **argv)
{
    static char line[8192];
    FILE *sound = NULL;
    cst_voice *voice;
    if (argc != 2) {
        fputs("usage: flite_speak SAMPLES_FILE|-  < lines\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "-") && !(sound = fopen(argv[1], "wb"))) {
        perror(argv[1]);
        return 1;
    }
    flite_init();
    voice = register_cmu_us_slt(NULL);
    if (!sound) {
        feat_set(voice->features, "wave_synth_func", uttfunc_val(&no_sound));
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
    return sound && fclose(sound) ? 1 : 0;
}
