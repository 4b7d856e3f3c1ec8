using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>A byte-level BPE in Hugging Face's files: the 256 bytes, the merges, then the two tokens around a text.</summary>
internal static class TokenizerFiles
{
    public const string Begin = "<|begin_of_text|>";
    public const string End = "<|end_of_text|>";
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary><c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    public static Dictionary<string, byte[]> Make(IReadOnlyList<(string Left, string Right)> merges)
    {
        var vocabulary = new Dictionary<string, int>();
        for (var value = 0; value < 256; value++)
            vocabulary.Add(ByteLevelAlphabet.Character((byte)value).ToString(), value);
        foreach (var (left, right) in merges)
            vocabulary.TryAdd(left + right, vocabulary.Count);
        object Special(string content, int id) => new { id, content, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };
        var begin = vocabulary.Count;
        var tokenizer = new
        {
            version = "1.0",
            added_tokens = new[] { Special(Begin, begin), Special(End, begin + 1) },
            pre_tokenizer = new
            {
                type = "Sequence",
                pretokenizers = new object[]
                {
                    new { type = "Split", pattern = new { Regex = BytePairTrainer.PiecePattern }, behavior = "Isolated", invert = false },
                    new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = false },
                },
            },
            post_processor = new
            {
                type = "TemplateProcessing",
                single = new object[] { new { SpecialToken = new { id = Begin, type_id = 0 } }, new { Sequence = new { id = "A", type_id = 0 } } },
                pair = Array.Empty<object>(),
                special_tokens = new Dictionary<string, object> { [Begin] = new { id = Begin, ids = new[] { begin }, tokens = new[] { Begin } } },
            },
            decoder = new { type = "ByteLevel", add_prefix_space = true, trim_offsets = true, use_regex = true },
            model = new { type = "BPE", vocab = vocabulary, merges = merges.Select(merge => $"{merge.Left} {merge.Right}").ToArray() },
        };
        var config = new { tokenizer_class = "PreTrainedTokenizerFast", add_bos_token = true, bos_token = Begin, eos_token = End };
        return new Dictionary<string, byte[]>
        {
            ["tokenizer.json"] = JsonSerializer.SerializeToUtf8Bytes(tokenizer, Readable),
            ["tokenizer_config.json"] = JsonSerializer.SerializeToUtf8Bytes(config, Readable),
        };
    }
}
