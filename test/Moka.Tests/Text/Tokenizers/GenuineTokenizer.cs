using System.Text.Json.Nodes;
using Tokenizers.DotNet;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>The genuine Hugging Face tokenizers, in their native library; tests that ask it skip where that does not load.</summary>
internal sealed class GenuineTokenizer : IDisposable
{
    private readonly Tokenizer _tokenizer;

    public GenuineTokenizer(JsonNode json)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("tokenizer.json");
        File.WriteAllText(path, json.ToJsonString());
        try
        {
            _tokenizer = new Tokenizer(path);
        }
        catch (Exception failure) when (failure is TypeLoadException or BadImageFormatException or TypeInitializationException)
        {
            Assert.Skip($"The native library of the Hugging Face tokenizers does not load here: {failure.Message}");
            throw;
        }
    }

    /// <summary>The ids of a text in which names of special tokens are those tokens, with what the tokenizer puts around it.</summary>
    public int[] Encode(string text) => [.. _tokenizer.Encode(text).Select(id => (int)id)];

    /// <summary>The text of ids; special tokens have none.</summary>
    public string Decode(IEnumerable<int> ids) => _tokenizer.Decode([.. ids.Select(id => (uint)id)]);

    public void Dispose() => _tokenizer.Dispose();

    /// <summary>The same tokenizer where no text names a special token, and nothing is put around one.</summary>
    public static JsonNode WithoutSpecialNames(JsonNode json)
    {
        var plain = json.DeepClone();
        var vocabulary = plain["model"]!["vocab"]!.AsObject();
        foreach (var token in plain["added_tokens"]?.AsArray().ToArray() ?? [])
        {
            // One of the vocabulary keeps its id without being added; another one keeps it under a name that no text has.
            if (token!["special"]?.GetValue<bool>() != true)
                continue;
            if (vocabulary.ContainsKey((string)token["content"]!))
                plain["added_tokens"]!.AsArray().Remove(token);
            else
                token["content"] = $"\uE000{(int)token["id"]!}\uE001";
        }
        plain["post_processor"] = null;
        return plain;
    }
}
