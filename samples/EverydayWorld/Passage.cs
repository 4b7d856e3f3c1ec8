namespace EverydayWorld;

/// <summary>A stretch of a passage.</summary>
/// <param name="Text">The text, joined to its neighbours as it is.</param>
/// <param name="Weight">How much predicting it counts: 0 for what is only read, 1 for what matters, little for words that nobody can foresee.</param>
public sealed record Piece(string Text, float Weight);

/// <summary>A passage of pretraining text.</summary>
public sealed record Passage(IReadOnlyList<Piece> Pieces)
{
    /// <summary>The whole text.</summary>
    public string Text => string.Concat(Pieces.Select(piece => piece.Text));
}
