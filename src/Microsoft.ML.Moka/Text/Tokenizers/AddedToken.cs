namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>A token that is found in texts by its name, before anything is merged.</summary>
/// <param name="Content">The name.</param>
/// <param name="Id">The id.</param>
internal sealed record AddedToken(string Content, int Id)
{
    /// <summary>Whether it is a control token: only a template can say it, and it has no text.</summary>
    public bool IsSpecial { get; init; }

    /// <summary>Whether it is looked for after the text has been normalized, as its name then reads.</summary>
    public bool IsNormalized { get; init; }

    /// <summary>How it reads in a normalized text; null for what the normalizer makes of its name.</summary>
    public string? NormalizedContent { get; init; }

    /// <summary>Whether it takes the blanks before it.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Whether it takes the blanks after it.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Whether it wants no letter beside it.</summary>
    public bool IsSingleWord { get; init; }
}
