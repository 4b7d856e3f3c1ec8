using System.Text;

namespace Microsoft.ML.Moka.Text;

/// <summary>
/// The text of an answer while its tokens come. A piece is given out once it is sure: characters whose bytes are spread over tokens when they are whole, and
/// what may be the beginning of a stop word, or of the template's answer prefix, when it has turned out not to be. The answer is the same however it is read.
/// </summary>
/// <param name="tokenizer">Knows the bytes of tokens.</param>
/// <param name="prefix">What the model has learned to write before an answer; it is not part of the text.</param>
/// <param name="stopWords">End the text where they begin.</param>
internal sealed class TokenText(BackboneTokenizer tokenizer, string prefix, IReadOnlyList<string> stopWords)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _sure = new();
    private string _pending = "";
    private bool _begun = prefix.Length == 0;

    /// <summary>Whether a stop word has come; nothing is added any more.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>All that is sure so far.</summary>
    public string Text => _sure.ToString();

    /// <summary>Adds a token; returns the piece that has become sure, maybe empty.</summary>
    public string Add(int token)
    {
        if (IsStopped)
            return "";
        var bytes = tokenizer.BytesOf(token);
        var characters = new char[_decoder.GetCharCount(bytes, flush: false)];
        _decoder.GetChars(bytes, characters, flush: false);
        _pending += new string(characters);
        if (!_begun && !TryBegin())
            return "";
        foreach (var word in stopWords)
        {
            if (_pending.IndexOf(word, StringComparison.Ordinal) is var at and >= 0)
            {
                _pending = _pending[..at];
                IsStopped = true;
            }
        }
        return Release(IsStopped ? _pending.Length : _pending.Length - HeldBack());
    }

    /// <summary>No token follows; returns the last piece. Bytes of an unfinished character are left out.</summary>
    public string End() => Release(_pending.Length);

    // What the model wrote begins with the prefix, does not, or is still too short to tell.
    private bool TryBegin()
    {
        if (_pending.StartsWith(prefix, StringComparison.Ordinal))
            _pending = _pending[prefix.Length..];
        else if (prefix.StartsWith(_pending, StringComparison.Ordinal))
            return false;
        return _begun = true;
    }

    /// <summary>The length of the longest end that a stop word may begin with.</summary>
    private int HeldBack()
    {
        var longest = 0;
        foreach (var word in stopWords)
        {
            for (var length = Math.Min(word.Length - 1, _pending.Length); length > longest; length--)
            {
                if (_pending.AsSpan(_pending.Length - length).SequenceEqual(word.AsSpan(0, length)))
                    longest = length;
            }
        }
        return longest;
    }

    private string Release(int length)
    {
        var piece = _pending[..length];
        _pending = _pending[length..];
        _sure.Append(piece);
        return piece;
    }
}
