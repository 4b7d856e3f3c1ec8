using System.Text;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>
/// What <c>ollama create</c> reads. It has no TEMPLATE: Ollama's are Go's and those of models are Jinja, and a wrong one would be worse than none. Ollama goes
/// by the GGUF's own <c>tokenizer.chat_template</c> where it has none.
/// </summary>
internal static class Modelfile
{
    /// <summary>The path beside that of a GGUF.</summary>
    public static string PathOf(string gguf) => Path.ChangeExtension(gguf, ".Modelfile");

    /// <param name="gguf">The path of the GGUF that it goes with.</param>
    /// <param name="tokenizer">What stops an answer.</param>
    /// <param name="adapterOf">What the GGUF is an adapter of: a path, or a name of Ollama's; null where it is a whole model.</param>
    public static byte[] Write(string gguf, BackboneTokenizer tokenizer, string? adapterOf)
    {
        var text = new StringBuilder();
        text.Append(adapterOf is null
            ? $"FROM ./{Path.GetFileName(gguf)}\n"
            : $"FROM {adapterOf}\nADAPTER ./{Path.GetFileName(gguf)}\n");
        text.Append("# No TEMPLATE: chats are formed by the model's own tokenizer.chat_template, where it has one that Ollama knows.\n");
        foreach (var name in tokenizer.EndsOfSequence.Select(tokenizer.NameOf).OfType<string>())
            text.Append($"PARAMETER stop {Quoted(name)}\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static string Quoted(string name) => name.Contains('"', StringComparison.Ordinal) ? $"\"\"\"{name}\"\"\"" : $"\"{name}\"";
}
