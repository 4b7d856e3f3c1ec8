using System.Globalization;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>The tokens of a GGUF, one for each row of the embedding, with their types and scores. Rows that no token has are filled up.</summary>
internal sealed class TokenList
{
    // llama.cpp's converters give it to whatever is not made by merges.
    private const float NoScore = -1000;

    public TokenList(int rows)
    {
        Names = new string[rows];
        Types = new int[rows];
        Scores = new float[rows];
        for (var id = 0; id < rows; id++)
            Set(id, string.Create(CultureInfo.InvariantCulture, $"[PAD{id}]"), GgufTokenType.Unused);
    }

    public string[] Names { get; }

    public int[] Types { get; }

    public float[] Scores { get; }

    /// <summary>A token whose id is beyond the embedding can be there but not be written; it has no place in the list.</summary>
    public void Set(int id, string name, GgufTokenType type, float score = NoScore)
    {
        if (id < Names.Length)
            (Names[id], Types[id], Scores[id]) = (name, (int)type, score);
    }

    /// <summary>Tokens that are found by their names. What a token is for llama.cpp by its kind (unknown, a byte) it stays.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp would find one in other places.</exception>
    public void Add(IEnumerable<AddedToken> tokens)
    {
        foreach (var token in tokens.Where(token => token.Id < Names.Length))
        {
            if (!token.IsSpecial && (token.StripsLeft || token.StripsRight || token.IsSingleWord))
                throw ConfigMetadata.Refusal($"the token '{token.Content}' takes blanks beside it, or wants no letter there, which llama.cpp does not know");
            if ((GgufTokenType)Types[token.Id] is not (GgufTokenType.Unknown or GgufTokenType.Byte))
                Set(token.Id, token.Content, token.IsSpecial ? GgufTokenType.Control : GgufTokenType.UserDefined);
        }
    }
}
