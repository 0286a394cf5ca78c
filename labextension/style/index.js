import './tokens.css';
import './run_table.css';
import './panel.css';
import './pages.css';
